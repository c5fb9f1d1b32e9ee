"""What a checkpoint costs a training, and how soon a stopped run is safe and back."""
