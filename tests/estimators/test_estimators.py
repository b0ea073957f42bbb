import subprocess
import sys

import pytest

import archwright.estimators
import archwright.learning


def test_the_room_loads_no_torch_before_it_is_needed():
    code = (
        "import sys; from archwright.estimators import ESTIMATORS, Estimator, Recipe; Recipe(epochs=3)\n"
        "print('synflow' in ESTIMATORS, [name for name in ('torch', 'lightning_fabric') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True []"


@pytest.mark.parametrize("room", [archwright.estimators, archwright.learning])
def test_every_name_of_the_contents_is_there(room):
    assert all(hasattr(room, name) for name in room.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Trainin'"):
        _ = room.Trainin
