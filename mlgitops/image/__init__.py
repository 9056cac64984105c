"""The serving image: from a model version in the registry to an image that is proven to serve."""
