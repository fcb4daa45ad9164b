"""The parts of the simulator: vendors and their habits, billed lines, what is wrong with some, and what follows."""
