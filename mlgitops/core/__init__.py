"""What a stage holds and what it is to hold: plans, guards, stamps, status. Pure but for `apply`."""
