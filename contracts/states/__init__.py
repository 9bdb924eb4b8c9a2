"""What was counted of each file of a batch, kept, so that none is counted twice; the bytes of every one are looked at anew."""
