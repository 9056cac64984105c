"""What people see before they decide: a plan with its evidence and verdicts, a version's card."""
