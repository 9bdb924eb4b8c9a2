"""The endpoints of the operator's console: each file a topic; what they answer is worked out in evidence.console."""
