"""Gates: what each of them passes and refuses."""
