"""We call other stacks: bridges from one phone to another, and between two gateways."""
