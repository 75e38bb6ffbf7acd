"""What Quarterdeck promises, tried."""
