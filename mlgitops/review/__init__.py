"""Two versions side by side: payloads, rows, predictions, differences. It measures and judges nothing."""
