"""What a confined package client is given: the configuration of the user's own client, without the rest."""
