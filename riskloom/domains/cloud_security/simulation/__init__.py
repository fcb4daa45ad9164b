"""The made-up organisation: who is in it, what they do, what attackers do among them, and what is found of it."""
