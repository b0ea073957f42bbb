from archwright.reports.palette import DARK, LIGHT, base_layout, dark_of, variables


def test_every_colour_has_its_counterpart():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT), "a figure's colours are exchanged by value"
    assert dark_of()[LIGHT["ink"]] == DARK["ink"]
    assert "--ink: #" in variables(LIGHT)


def test_an_axis_is_merged_with_the_shared_one():
    layout = base_layout(xaxis={"title": "epoch", "showgrid": False}, height=99)
    assert layout["height"] == 99
    assert layout["xaxis"]["title"]["text"] == "epoch"
    assert layout["xaxis"]["showgrid"] is False
    assert layout["xaxis"]["gridcolor"] == LIGHT["line"]
