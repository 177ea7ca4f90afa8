"""What two connectors really share."""
