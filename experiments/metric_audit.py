"""Which metric notices what? Real digits, damaged step by step: ten minutes on two cores."""

from imggen.studies.audit.audit import Audit

experiment = Audit(slug="metric-audit", title="Audit of the metrics on damaged MNIST")

if __name__ == "__main__":
    experiment.main()
