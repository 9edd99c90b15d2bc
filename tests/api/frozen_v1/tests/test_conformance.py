"""What the zoo asks of each plugin, one test a check."""

from zoo.testing import parametrize_with_checks


@parametrize_with_checks("first_backbone", kind="backbone")
def test_backbone(check):
    check()


@parametrize_with_checks("first_head", kind="head")
def test_head(check):
    check()


@parametrize_with_checks("first_loss", kind="loss")
def test_loss(check):
    check()


@parametrize_with_checks("first_dataset", kind="dataset")
def test_dataset(check):
    check()


@parametrize_with_checks("first_detector", kind="detector")
def test_detector(check):
    check()
