"""Vision-language-action policies: a backbone by name through transformers, and action heads behind one interface."""
