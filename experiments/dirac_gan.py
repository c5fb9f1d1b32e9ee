"""The Dirac-GAN (Mescheder et al. 2018) by the rules of four papers; no data, no training."""

from imggen.studies.dirac import Config, Dirac

experiment = Dirac(slug="dirac-gan", title="The smallest GAN", settings=Config())

if __name__ == "__main__":
    experiment.main()
