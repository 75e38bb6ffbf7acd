"""The operator's pages and API: views rendered as HTML and as JSON. FastAPI lives here and nowhere below."""
