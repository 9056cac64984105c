"""The bill of materials of an image, as CycloneDX 1.6. Pure: one image has one text.

cyclonedx-py lists the Python packages; the model, the container, the interpreter and what the base
image's distribution brought join them here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from mlgitops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    from mlgitops.image.scan.values import Image, Inventory

_LABELS = (
    *("mlgitops.run", "mlgitops.stage"),
    *("org.opencontainers.image.base.name", "org.opencontainers.image.revision"),
)


def text(image: Image, inventory: Inventory) -> str:
    """The bill as JSON; its serial number and time come from the image."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    bom: Bom = Bom.from_json(json.loads(inventory.bill))  # type: ignore[attr-defined]
    bom.serial_number = uuid5(NAMESPACE_URL, image.identity)
    bom.metadata.timestamp = datetime.fromisoformat(image.created).astimezone(UTC)
    bom.metadata.tools.components.add(
        Component(
            type=ComponentType.APPLICATION,
            name="mlgitops",
            version=__version__,
            bom_ref=f"tool/mlgitops@{__version__}",
        )
    )
    bom.metadata.component = container = _container(image)
    bom.components.update([_model(image), *_system(inventory)])
    bom.register_dependency(container, bom.components)
    made = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return made.output_as_string(indent=2) + "\n"


def _container(image: Image) -> Component:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    labels = image.labels
    # of the labels only what mlgitops' own builds say: another may hold what is not to be copied
    facts = {"identity": image.identity, "architecture": image.architecture}
    facts |= {f"label:{name}": labels[name] for name in _LABELS if name in labels}
    return Component(
        type=ComponentType.CONTAINER,
        name=labels.get("org.opencontainers.image.title", image.tag),
        version=labels.get("org.opencontainers.image.version"),
        bom_ref="image",
        properties=[
            Property(name=f"mlgitops:image:{name}", value=value) for name, value in facts.items()
        ],
    )


def _model(image: Image) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import ComponentType
    from packageurl import PackageURL

    name = image.labels.get("mlgitops.model", image.tag)
    version = image.labels.get("mlgitops.version")
    run = image.labels.get("mlgitops.run")
    digest = image.labels.get("mlgitops.digest", "").removeprefix("sha256:")
    model = _component(
        ComponentType.MACHINE_LEARNING_MODEL,
        PackageURL("mlflow", None, name, version, {"run_id": run} if run else None),
    )
    if digest:
        model.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
    return model


def _system(inventory: Inventory) -> Iterator[Component]:
    """The interpreter, the distribution and its packages."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    python = PackageURL("generic", None, "python", inventory.python)
    yield _component(ComponentType.PLATFORM, python)
    if (system := inventory.system) is None:
        return
    yield Component(
        type=ComponentType.OPERATING_SYSTEM,
        name=system.identity,
        version=system.version,
        bom_ref=f"os/{system.identity}@{system.version}",
    )
    distro = f"{system.identity}-{system.version}" if system.version else system.identity
    for one in inventory.debian:
        facts = {"arch": one.architecture, "distro": distro}
        yield _component(
            ComponentType.LIBRARY,
            PackageURL("deb", system.identity, one.name, one.version, facts),
        )


def _component(kind: ComponentType, purl: PackageURL) -> Component:
    from cyclonedx.model.component import Component

    return Component(type=kind, name=purl.name, version=purl.version, purl=purl, bom_ref=str(purl))
