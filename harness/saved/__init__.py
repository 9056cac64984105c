"""Models of many flavours, saved with nothing but what they need: see `harness.flavours`."""
