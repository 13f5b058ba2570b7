"""What bench/storm.py is made of: a small project, those who work on it at once, and the model that checks them."""
