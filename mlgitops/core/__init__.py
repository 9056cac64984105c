"""What a stage holds and is to hold: plans, guards, stamps, status. Pure but for `apply`."""
