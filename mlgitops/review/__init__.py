"""Two versions side by side: payloads, rows, predictions. It measures and judges nothing."""
