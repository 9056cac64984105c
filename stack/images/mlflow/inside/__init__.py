"""What runs inside the containers of the stack."""
