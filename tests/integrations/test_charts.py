"""Where bars stand."""

from integrations.charts import HEIGHT, LEAST, Bars


def test_the_highest_bar_is_as_high_as_the_chart_and_stands_on_the_ground() -> None:
    chart = Bars.of([5, 0, 10])
    assert [(bar.y, bar.height) for bar in chart.bars] == [(50, 50), (HEIGHT, 0), (0, HEIGHT)]
    assert (chart.width, chart.height) == (30, HEIGHT)
    assert [bar.x for bar in chart.bars] == [1, 11, 21]


def test_a_part_stands_below_the_rest_and_neither_is_higher_than_both() -> None:
    [bar, all_of_it] = Bars.of([100, 50], [25, 50]).bars
    assert (bar.part_y, bar.part_height) == (75, 25)
    assert (bar.y, bar.height) == (0, 75)
    assert (all_of_it.height, all_of_it.part_y, all_of_it.part_height) == (0, 50, 50)


def test_what_is_not_nothing_can_be_seen() -> None:
    small, _ = Bars.of([1, 1_000_000], [1, 1]).bars
    assert (small.height, small.part_height, small.part_y) == (0, LEAST, HEIGHT - LEAST)


def test_nothing_at_all_is_flat() -> None:
    assert {bar.height for bar in Bars.of([0, 0]).bars} == {0}
    assert Bars.of([]).width == 0
