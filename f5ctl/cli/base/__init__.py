"""What verbs share. Knows no verb."""
