"""How likely published density models of digits find images that are no digits."""

from imggen.studies.likes_others import LikesOthers

experiment = LikesOthers(
    slug="likes-others-mnist",
    title="What does a model of digits find likely?",
    generators=("igpt-mnist", "vae-mnist", "glow-mnist"),
)

if __name__ == "__main__":
    experiment.main()
