"""Gates for other people's pipelines. Each file imports the one library that it is for, and of ours what needs none."""
