//! Charts, as SVG.

use charts_rs::{BarChart, LegendCategory, Series};

use super::{Failure, code};

/// Pixels that each group of bars takes at least.
const GROUP: usize = 48;

/// Bars side by side in groups: for each group a name, for each series a name and a value in every group.
pub fn bars(
    title: &str,
    groups: Vec<String>,
    series: Vec<(&str, Vec<Option<f64>>)>,
) -> Result<String, Failure> {
    let width = 640.max(80 + GROUP * groups.len());
    let series = series.into_iter().map(|(name, values)| {
        let data = values.into_iter().map(|value| value.map(|v| v as f32)).collect();
        Series { name: name.to_owned(), data, ..Series::default() }
    });
    let mut chart = BarChart::new(series.collect(), groups);
    (chart.width, chart.height) = (width as f32, 480.0);
    chart.title.text = title.to_owned();
    chart.legend.category = LegendCategory::Rect;
    // Slanting, so that long names do not run into each other.
    chart.x_axis.name_rotate = -0.6;
    chart.x_axis.height = 80.0;
    chart.svg().map_err(|error| Failure::new(code::IO, format!("cannot draw the chart: {error}")))
}
