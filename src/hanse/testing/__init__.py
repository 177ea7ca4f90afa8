"""What tests of connectors and of the engine share, ours and those of third parties."""
