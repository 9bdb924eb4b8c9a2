"""Other people's ways of writing a contract, each read into ours."""
