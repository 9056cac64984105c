"""What is known of versions: read, compared and measured only for what changes or is asked for."""
