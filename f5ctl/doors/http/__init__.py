"""The OpenAI speech API over HTTP."""
