"""The canonical form: any arm's data set as 80 values with a mask, and back."""
