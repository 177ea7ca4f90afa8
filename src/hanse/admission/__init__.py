"""Who may ask a source at this moment, and who asks again: between execution, which knows only connectors, and these."""
