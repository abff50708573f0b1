"""The adapter for XPolicyLab, which finds `model.Model` here."""
