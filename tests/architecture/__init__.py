"""The house rules, as tests: who may import whom, what a file may say, what the documents promise."""
