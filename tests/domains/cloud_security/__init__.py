"""What is peculiar to cloud security: its sources, its simulated world, its request features."""
