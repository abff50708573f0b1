"""XPolicyLab finds `model.Model` here."""
