"""Loss functions: reconstruction, adversarial, classification, consistency and moment matching."""
