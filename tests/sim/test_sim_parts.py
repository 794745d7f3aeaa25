"""Parts of random networks run at the frame II that the model says, as whole networks do."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sim_cases import DENSE, DEVICE, foldings, is_hasty, setup_of
from strategies import graphs

from hass.cost import estimate
from hass.cuts import Part, all_cuts, part_graph
from hass.sim.run import simulate


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_a_dense_part_runs_at_its_modelled_frame_ii(data: st.DataObject) -> None:
    graph, _ = data.draw(graphs(max_layers=10))
    cuts = list(all_cuts(graph))
    assume(cuts)
    cut = data.draw(st.sampled_from(cuts))
    side = data.draw(st.sampled_from([Part(None, cut.last), Part(cut.last, None)]))
    part = part_graph(graph, side).graph
    modelled = estimate(part, data.draw(foldings(part, DENSE, None)), DEVICE)
    result = simulate(part, modelled, setup_of(part, modelled, frames=4))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles is not None
    if is_hasty(part, modelled):  # a layer that must be early is modelled as busy all the time
        assert result.simulated_frame_ii_cycles <= modelled.frame_ii_cycles
    else:
        assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles
