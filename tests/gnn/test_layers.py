"""Graph networks by hand on small graphs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kgrec.data.hold_out import visible_likes
from kgrec.data.interactions import Interactions
from kgrec.gnn.graph import GraphTensors, build_graph
from kgrec.gnn.layers import LightGNN
from kgrec.gnn.pyg import PygGNN, hetero_data
from tests.training.worlds import make_snapshot


def three_nodes() -> Interactions:
    """Anna likes both books; nothing else."""
    return Interactions.of(
        make_snapshot([("anna", "b:1"), ("anna", "b:2")],
                      {"b:1": ("books", None), "b:2": ("books", None)})
    )  # fmt: skip


def random_log(users: int = 12, items: int = 8) -> tuple[Interactions, np.ndarray]:
    rng = np.random.default_rng(0)
    names = {f"{'bf'[i % 2]}:{i}": (("books", "films")[i % 2], None) for i in range(items)}
    likes = [(f"u{p:02}", k) for p in range(users) for k in names if rng.random() < 0.4]
    tags = {k: [f"t{i % 3}"] for i, k in enumerate(names)}
    snapshot = make_snapshot(likes, names, tags=tags)
    return Interactions.of(snapshot), snapshot.item_tag


def graph_of(log: Interactions, item_tag: np.ndarray, num_tags: int) -> GraphTensors:
    return build_graph(log.liked, log, item_tag, num_tags)


def dense(matrix: object, width: int) -> np.ndarray:
    return (matrix @ torch.eye(width)).numpy()  # type: ignore[operator]


def test_relations_are_normalised_by_degree() -> None:
    log = Interactions.of(
        make_snapshot(
            [("anna", "b:1"), ("anna", "b:2"), ("bert", "b:2")],
            {"b:1": ("books", None), "b:2": ("books", None), "f:1": ("films", None)},
        )
    )
    item_tag = np.array([[0, 0, 1], [0, 1, 1]], dtype=np.int32)
    graph = graph_of(log, item_tag, 2)
    root = 2**-0.5
    np.testing.assert_allclose(dense(graph.user_item, 3), [[root, 0.5, 0], [0, root, 0]])
    np.testing.assert_allclose(dense(graph.item_tag, 2), [[0.5, 0.5], [0, 1], [0, 0]])
    np.testing.assert_allclose(dense(graph.tag_item, 3), [[1, 0, 0], [0.5, 0.5, 0]])
    np.testing.assert_allclose(dense(graph.item_domain, 2), [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(dense(graph.domain_item, 3), [[0.5, 0.5, 0], [0, 0, 1]])


def test_hidden_likes_leave_no_trace_in_either_direction_or_degree() -> None:
    log = three_nodes()
    hidden = sp.csr_matrix(np.array([[0, 1]], np.float32))
    visible = visible_likes(log.liked, hidden)
    assert visible.nnz == 1
    no_tags = np.zeros((2, 0), np.int32)
    graph = build_graph(visible, log, no_tags, 0)
    np.testing.assert_array_equal(dense(graph.user_item, 2), [[1.0, 0.0]])
    np.testing.assert_array_equal(dense(graph.user_item.transposed, 1), [[1.0], [0.0]])
    data = hetero_data(visible, log, no_tags, 0)
    assert data["user", "interacted", "item"].edge_index.tolist() == [[0], [0]]
    assert data["item", "rev_interacted", "user"].edge_index.tolist() == [[0], [0]]


def test_light_propagation_by_hand() -> None:
    """One user between two items: each becomes half of the sum of both."""
    log = three_nodes()
    graph = build_graph(log.liked, log, np.zeros((2, 0), np.int32), 0)
    gnn = LightGNN(1, 1, num_tags=0, num_domains=1)
    with torch.no_grad():
        gnn.relation_logits.copy_(torch.tensor([[0.0, -1e9, -1e9]]))
        gnn.layer_logits.copy_(torch.tensor([0.0, np.log(3.0)]))
    out = gnn(torch.tensor([[2.0], [-8.0]]), graph)
    # user = (2 - 8) / sqrt 2; each item = user / sqrt 2 = -3; a quarter stays as it was
    torch.testing.assert_close(out, torch.tensor([[0.25 * 2 - 0.75 * 3], [-0.25 * 8 - 0.75 * 3]]))


def test_tags_and_domains_speak_by_their_own_relation() -> None:
    log = three_nodes()
    graph = build_graph(log.liked, log, np.array([[0], [0]], np.int32), 1)
    gnn = LightGNN(1, 1, num_tags=1, num_domains=1)
    x = torch.tensor([[2.0], [6.0]])
    with torch.no_grad():
        gnn.tag.fill_(5.0)
        gnn.domain.fill_(7.0)
        gnn.layer_logits.copy_(torch.tensor([-1e9, 0.0]))
        gnn.relation_logits.copy_(torch.tensor([[-1e9, 0.0, -1e9]]))
        assert gnn(x, graph).tolist() == [[5.0], [0.0]]
        gnn.relation_logits.copy_(torch.tensor([[-1e9, -1e9, 0.0]]))
        assert gnn(x, graph).tolist() == [[7.0], [7.0]]


def test_without_layers_items_stay_as_they_are() -> None:
    log, item_tag = random_log()
    x = torch.randn(8, 4)
    light = LightGNN(4, 0, num_tags=3, num_domains=2)
    torch.testing.assert_close(light(x, graph_of(log, item_tag, 3)), x)
    sage = PygGNN("sage", 4, 0, num_tags=3, num_domains=2)
    torch.testing.assert_close(sage(x, hetero_data(log.liked, log, item_tag, 3)), x)


@pytest.mark.parametrize("kind", ["light", "sage", "hgt"])
def test_renumbering_users_and_items_renumbers_the_output(kind: str) -> None:
    torch.manual_seed(0)
    log, item_tag = random_log()
    users, items = torch.randperm(log.num_users).numpy(), torch.randperm(8).numpy()
    new_number = np.argsort(items)
    moved = Interactions(
        liked=log.liked[users][:, items].tocsr(), seen=log.seen,
        row_of_account=log.row_of_account, item_domain=log.item_domain[items], num_domains=2,
    )  # fmt: skip
    moved_tag = np.stack([new_number[item_tag[0]], item_tag[1]]).astype(np.int32)
    x = torch.randn(8, 4)
    if kind == "light":
        gnn: torch.nn.Module = LightGNN(4, 2, num_tags=3, num_domains=2)
        before, after = graph_of(log, item_tag, 3), graph_of(moved, moved_tag, 3)
        out, out_moved = gnn(x, before), gnn(x[items], after)
    else:
        gnn = PygGNN("sage" if kind == "sage" else "hgt", 4, 2, num_tags=3, num_domains=2)
        out = gnn(x, hetero_data(log.liked, log, item_tag, 3))
        out_moved = gnn(x[items], hetero_data(moved.liked, moved, moved_tag, 3))
    torch.testing.assert_close(out_moved, out[items], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["sage", "hgt"])
def test_pyg_layers_pass_gradient_to_items_tags_and_domains(kind: Literal["sage", "hgt"]) -> None:
    torch.manual_seed(0)
    log, item_tag = random_log()
    gnn = PygGNN(kind, 4, 2, num_tags=3, num_domains=2)
    with torch.no_grad():
        gnn.domain.normal_()
    x = torch.randn(8, 4, requires_grad=True)
    gnn(x, hetero_data(log.liked, log, item_tag, 3)).square().sum().backward()
    for learned in (x, gnn.tag, gnn.domain):
        assert learned.grad is not None
        assert learned.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ["sage", "hgt"])
def test_pyg_layers_do_without_tags(kind: Literal["sage", "hgt"]) -> None:
    log, _ = random_log()
    gnn = PygGNN(kind, 6, 1, num_tags=0, num_domains=2)
    data = hetero_data(log.liked, log, np.zeros((2, 0), np.int32), 0)
    assert gnn(torch.randn(8, 6), data).isfinite().all()
