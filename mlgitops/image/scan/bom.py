"""The bill of materials of an image, as CycloneDX 1.6. Pure: one image has one text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from mlgitops import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cyclonedx.model.bom import BomMetaData
    from cyclonedx.model.component import Component

    from mlgitops.image.scan.values import Debian, Image, Inventory, Package, System

_LABELS = (
    *("mlgitops.run", "mlgitops.stage"),
    *("org.opencontainers.image.base.name", "org.opencontainers.image.revision"),
)


def text(image: Image, inventory: Inventory) -> str:
    """The bill as JSON; its serial number and time come from the image."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    # names that are there twice are asked for in the version that comes last
    packages = {one.purl: _python(one) for one in inventory.packages}
    by_name = {one.name: packages[one.purl] for one in inventory.packages}
    container = _container(image)
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, image.identity),
        metadata=_metadata(image, container),
        components=[*_others(image, inventory), *packages.values()],
    )
    bom.register_dependency(container, bom.components)
    for one in inventory.packages:
        wanted = [by_name[name] for name in one.requires if name in by_name]
        bom.register_dependency(packages[one.purl], wanted)
    made = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6)
    return made.output_as_string(indent=2) + "\n"


def _metadata(image: Image, container: Component) -> BomMetaData:
    from cyclonedx.contrib.this.builders import this_component
    from cyclonedx.model.bom import BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository

    tool = Component(
        type=ComponentType.APPLICATION,
        name="mlgitops",
        version=__version__,
        bom_ref=f"tool/mlgitops@{__version__}",
    )
    return BomMetaData(
        timestamp=datetime.fromisoformat(image.created).astimezone(UTC),
        component=container,
        tools=ToolRepository(components=[tool, this_component()]),
    )


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


def _others(image: Image, inventory: Inventory) -> Iterator[Component]:
    """The model, the interpreter and what the base image's distribution brought."""
    yield _model(image)
    yield _interpreter(inventory.python)
    if inventory.system:
        yield _operating(inventory.system)
        for one in inventory.debian:
            yield _debian(one, inventory.system)


def _model(image: Image) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name = image.labels.get("mlgitops.model", image.tag)
    version = image.labels.get("mlgitops.version")
    run = image.labels.get("mlgitops.run")
    digest = image.labels.get("mlgitops.digest", "").removeprefix("sha256:")
    purl = PackageURL("mlflow", None, name, version, {"run_id": run} if run else None)
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=name,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else [],
    )


def _interpreter(version: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL("generic", None, "python", version)
    return Component(
        type=ComponentType.PLATFORM, name="python", version=version, purl=purl, bom_ref=str(purl)
    )


def _operating(system: System) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        type=ComponentType.OPERATING_SYSTEM,
        name=system.identity,
        version=system.version,
        bom_ref=f"os/{system.identity}@{system.version}",
    )


def _debian(one: Debian, system: System) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    distro = f"{system.identity}-{system.version}" if system.version else system.identity
    facts = {"arch": one.architecture, "distro": distro}
    purl = PackageURL("deb", system.identity, one.name, one.version, facts)
    return Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        purl=purl,
        bom_ref=str(purl),
    )


def _python(one: Package) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
    from packageurl import PackageURL

    stated = one.licence.text
    return Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        purl=PackageURL.from_string(one.purl),
        bom_ref=one.purl,
        licenses=[LicenseFactory().make_from_string(stated)] if stated else [],
        evidence=ComponentEvidence(
            occurrences=[Occurrence(location=f"/{place}") for place in one.places]
        ),
    )
