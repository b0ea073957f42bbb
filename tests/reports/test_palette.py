from archwright.reports.palette import DARK, LIGHT, dark_of, variables


def test_every_colour_has_its_counterpart():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT), "a figure's colours are exchanged by value"
    assert dark_of()[LIGHT["ink"]] == DARK["ink"]
    assert "--ink: #" in variables(LIGHT)
