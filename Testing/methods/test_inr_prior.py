"""A prior: the mean of many networks, a blend of several, and a file that is refused where it does not fit."""

import dataclasses
import hashlib
import tomllib

import numpy as np
import pytest
import torch

from CardiacMotionLib import CardiacMotionError
from CardiacMotionLib.methods.inr import Options
from CardiacMotionLib.methods.inr.prior import Prior, PriorSettings, average, blend, shipped

SMALL = PriorSettings(3, "siren", 30.0, 8, 2, False)


def a_prior(settings=SMALL, scale=1.0, **card):
    """Weights drawn with the seed of the settings, times ``scale``."""
    parameters = {name: scale * value for name, value in settings.network().state_dict().items()}
    return Prior(settings, parameters, card)


@pytest.fixture
def stored(tmp_path):
    return a_prior(subjects=[{"seed": 0, "group": "hcm"}], fit={"steps": 5, "decay": False, "cycle": None}).save(
        tmp_path / "a.safetensors"
    )


# ---------------------------------------------------------------------- average


def subjects(values):
    """Parameters of one tensor with one entry for each subject."""
    return [{"w": torch.tensor([float(value)])} for value in values]


def test_average_is_the_mean_of_values_held_within_their_quantiles():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 3, 4))
    found = average([{"w": torch.from_numpy(one)} for one in values])["w"].numpy()
    for place in np.ndindex(3, 4):
        ordered = np.sort(values[:, *place])
        low = ordered[1] + 0.99 * (ordered[2] - ordered[1])  # 199 gaps: quantile 0.01 lies 1.99 gaps from the least
        high = ordered[-2] - 0.99 * (ordered[-2] - ordered[-3])
        assert found[place] == pytest.approx(np.clip(ordered, low, high).mean(), abs=1e-12)


def test_one_fit_that_went_astray_moves_the_average_little():
    sane = [n / 100 for n in range(101)]
    assert average(subjects([*sane, 1e9]))["w"].item() == pytest.approx(average(subjects(sane))["w"].item(), abs=0.02)
    assert average(subjects([*sane, 1e9]), 0, 1)["w"].item() > 1e6


def test_average_of_equal_subjects_is_that_subject_and_of_any_their_order_aside():
    same = subjects([0.1] * 7)
    assert average(same)["w"].item() == same[0]["w"].item()
    values = np.random.default_rng(1).standard_normal(50)
    assert torch.equal(average(subjects(values))["w"], average(subjects(values[::-1]))["w"])


def test_average_without_quantiles_is_the_plain_mean_in_float64():
    assert average(subjects([1e8, 1, -1e8]), 0, 1)["w"].item() == pytest.approx(1 / 3)
    assert average(subjects([1]))["w"].dtype == torch.float32


def test_average_refuses_networks_of_another_kind():
    with pytest.raises(CardiacMotionError, match="no parameters"):
        average([])
    with pytest.raises(CardiacMotionError, match=r"subject 1 .*w is \(2,\) float32, expected \(1,\) float32"):
        average([{"w": torch.zeros(1)}, {"w": torch.zeros(2)}])
    with pytest.raises(CardiacMotionError, match="subject 0 has values in w that are not finite"):
        average(subjects([np.nan, 1]))


# ---------------------------------------------------------------------- blend


def test_a_blend_is_convex():
    one, two = a_prior(name="one", data="d", date="1"), a_prior(scale=3.0, name="two", data="d", date="2")
    mixed = blend([one, two], [0.75, 0.25])
    for name, value in one.parameters.items():
        torch.testing.assert_close(mixed.parameters[name], 1.5 * value)
    assert mixed.settings == SMALL
    assert [(part["name"], part["weight"]) for part in mixed.card["blend"]] == [("one", 0.75), ("two", 0.25)]
    assert "date" not in mixed.card
    assert mixed.card["data"] == "d"
    alone = blend([one, two], [1, 0])
    assert all(torch.equal(alone.parameters[n], v) for n, v in one.parameters.items())


def test_a_blend_lists_every_subject_once():
    one, two = a_prior(subjects=[{"seed": 0}, {"seed": 1}]), a_prior(subjects=[{"seed": 1}, {"seed": 2}])
    assert blend([one, two], [0.5, 0.5]).card["subjects"] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]


@pytest.mark.parametrize("weights", [[0.5, 0.6], [1.5, -0.5], [float("nan"), 1]])
def test_weights_that_are_not_convex_are_refused(weights):
    with pytest.raises(CardiacMotionError, match="must not be negative and must sum to 1"):
        blend([a_prior(), a_prior()], weights)


def test_a_blend_needs_a_weight_for_each_prior():
    with pytest.raises(CardiacMotionError, match="2 priors and 1 weights"):
        blend([a_prior(), a_prior()], [1.0])


def test_weights_that_began_elsewhere_are_not_blended():
    other = dataclasses.replace(SMALL, seed=4, omega=45.0)
    with pytest.raises(CardiacMotionError, match=r"seed 3 and 4; omega 30\.0 and 45\.0"):
        blend([a_prior(), a_prior(other)], [0.5, 0.5])


# ---------------------------------------------------------------------- use


def test_the_network_of_a_prior_has_its_weights():
    prior = a_prior(scale=2.0)
    network = prior.network()
    assert all(torch.equal(network.state_dict()[n], v) for n, v in prior.parameters.items())
    assert network.omega == 30.0
    assert prior.network() is not network


@pytest.mark.parametrize("periodic", [False, True])
def test_it_fits_the_options_it_was_made_with(periodic):
    options = Options(omega=20.0, width=8, layers=2, periodic=periodic)
    prior = a_prior(PriorSettings.of(options, 0))
    prior.check(options)
    assert prior.network()(torch.zeros(1, 5 if periodic else 4)).shape == (1, 3)


def test_a_mismatch_names_every_option_with_both_values():
    with pytest.raises(CardiacMotionError) as caught:
        a_prior(name="mine").check(Options(omega=45.0, width=8, layers=3, periodic=True))
    message = str(caught.value)
    assert message.startswith("mine does not fit")
    for part in ("omega 30.0 in the prior, 45.0 asked", "layers 2 in", "periodic False in", "prior build"):
        assert part in message
    assert "width" not in message


def test_tensors_of_another_network_are_no_prior():
    with pytest.raises(CardiacMotionError, match=r"layers\.0\.weight is \(8, 4\) float32, expected \(16, 4\) float32"):
        Prior(dataclasses.replace(SMALL, width=16), a_prior().parameters)


# ---------------------------------------------------------------------- files


def test_a_file_gives_back_what_was_saved(stored):
    prior = Prior.load(stored)
    assert prior.settings == SMALL
    assert all(torch.equal(value, a_prior().parameters[name]) for name, value in prior.parameters.items())
    assert prior.card["subjects"] == [{"seed": 0, "group": "hcm"}]
    assert prior.card["fit"] == {"steps": 5, "decay": False}
    assert prior.name == "a"
    assert sorted(p.name for p in stored.parent.iterdir()) == ["a.safetensors", "a.toml"]
    card = tomllib.loads(stored.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(stored.read_bytes()).hexdigest()
    assert card["settings"] == dataclasses.asdict(SMALL)


def test_cards_hold_any_text(tmp_path):
    text = 'quotes " and \\ and \n lines, ümlaut, 心, tab\t'
    a_prior(data=text).save(tmp_path / "a.safetensors")
    assert Prior.load(tmp_path / "a.safetensors").card["data"] == text


def test_a_copy_under_another_name_is_the_same_prior(stored):
    for suffix in (".safetensors", ".toml"):
        stored.with_suffix(suffix).rename(stored.with_name(f"b{suffix}"))
    prior = Prior.load(str(stored.with_name("b.safetensors")))
    assert (prior.settings, prior.name) == (SMALL, "b")


def test_weights_that_the_card_does_not_describe_are_refused(stored):
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    with pytest.raises(CardiacMotionError, match=r"a\.safetensors is not the file that its card a\.toml describes"):
        Prior.load(stored)


def test_weights_without_a_card_are_refused(stored):
    stored.with_suffix(".toml").unlink()
    with pytest.raises(CardiacMotionError, match=r"its card a\.toml is not beside it"):
        Prior.load(stored)


def rewritten(stored, old, new):
    card = stored.with_suffix(".toml")
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new))
    return stored


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("canonical = 1", "canonical = 2", "built for version 2 of the axes"),
        ("width = 8", "width = 16", "tensors of another network"),
        ("omega = 30.0\n", "", r"\[settings\] must be seed, .*omega"),
        ("omega = 30.0", 'omega = "30"', r"\[settings\] must be"),
        ("[settings]", "[settings", "cannot be read"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(stored, old, new, message):
    with pytest.raises(CardiacMotionError, match=message):
        Prior.load(rewritten(stored, old, new))


def test_a_pickle_is_never_opened(stored):
    class Harm:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    torch.save(Harm(), stored)
    rewritten(stored, a_sha(stored), hashlib.sha256(stored.read_bytes()).hexdigest())
    with pytest.raises(CardiacMotionError, match=r"a\.safetensors"):
        Prior.load(stored)


def a_sha(stored):
    return tomllib.loads(stored.with_suffix(".toml").read_text())["sha256"]


def test_an_unknown_name_is_told_from_what_there_is(tmp_path):
    with pytest.raises(CardiacMotionError) as caught:
        Prior.load("tagget")
    assert "'tagget': no such file" in str(caught.value)
    assert all(name in str(caught.value) for name in shipped())
    (tmp_path / "a.pt").write_bytes(b"")
    with pytest.raises(CardiacMotionError, match=r"expected a \.safetensors file"):
        Prior.load(tmp_path / "a.pt")


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(CardiacMotionError, match="use a name ending in"):
        a_prior().save(tmp_path / "a.pt")
    (tmp_path / "file").write_text("")
    with pytest.raises(CardiacMotionError, match="cannot write"):
        a_prior().save(tmp_path / "file" / "a.safetensors")
    (tmp_path / "b.toml").mkdir()
    with pytest.raises(CardiacMotionError, match="cannot write"):
        a_prior().save(tmp_path / "b.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


# ---------------------------------------------------------------------- what ships


@pytest.mark.parametrize("name", shipped())
def test_what_ships_says_where_it_comes_from(name):
    prior = Prior.load(name)
    assert len(prior.card["subjects"]) >= 50
    assert prior.card["license"] == "Apache-2.0"
    assert "Research use only" in prior.card["notice"]
    prior.check(Options())
