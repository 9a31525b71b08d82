"""The environments that models were saved in: built again, used, and proved to be enough."""
