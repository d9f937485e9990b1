//! Which graphs a recipe makes, of which weights, in which arithmetic.
use super::Recipe;
use super::tracker_recipe::{Guidance, TrackerEncoder, TrackerRecipe};
use crate::checkpoint::Checkpoint;
use crate::model::sam2::{tracker_graph, tracker_graphs};
use crate::model::{Config, Sam2Config, detail_decoder_graph, detail_encoder_graph, image_graph};
use crate::onnx::{Graph, GraphError, OnnxModel};
use crate::signature;
use crate::signature::detail::DetailShape;
use crate::signature::{ElementType, Precision, Signature};
use std::rc::Rc;

/// Builds a graph on an empty one.
type Make = Box<dyn for<'c> Fn(Graph<'c>) -> Result<OnnxModel, GraphError>>;

/// One graph of a recipe.
pub(super) struct GraphPlan {
    pub(super) signature: Signature,
    pub(super) weights: Rc<Checkpoint>,
    pub(super) precision: Precision,
    /// All that [`make`](Self::make) depends on but the weights, in words.
    pub(super) sizes: String,
    pub(super) make: Make,
}

/// Weights, and the arithmetic that they are computed with.
pub(super) type Source = (Rc<Checkpoint>, Precision);

/// Of a recipe's detail path and of its tracker.
pub(super) struct Sources {
    /// None if there is no detail path.
    pub(super) detail: Option<Source>,
    /// None if there is no tracker, or no weights for it.
    pub(super) tracker: Option<Source>,
}

/// The graphs of `recipe` that there are weights for, the largest first.
pub(super) fn graphs(recipe: &Recipe, sources: &Sources) -> Vec<GraphPlan> {
    let tracker = recipe.tracker.as_ref().zip(sources.tracker.as_ref());
    let mut plans = Vec::new();
    if let Some((model, source)) = recipe.model.as_ref().zip(sources.detail.as_ref()) {
        let tracker = tracker.map(|(tracker, _)| tracker);
        plans.extend(match tracker.filter(|tracker| tracker.divides_detail()) {
            Some(tracker) => halves(model, tracker, source),
            None => vec![whole(model, source)],
        });
    }
    if let Some((tracker, source)) = tracker {
        let first = usize::from(tracker.encoder == TrackerEncoder::Shared);
        let graphs = tracker_graphs(&tracker.model, ElementType::U8).into_iter().skip(first);
        plans.extend(graphs.map(|graph| {
            let (signature, model) = (graph.0.clone(), tracker.model.clone());
            let make = move |on: Graph<'_>| tracker_graph(on, &model, &graph);
            plan(signature, source, &tracker.model, make)
        }));
    }
    plans
}

/// What the shapes of the detail path's graphs depend on.
pub(super) fn detail_shape(model: &Config, tracker: &TrackerRecipe) -> DetailShape {
    let prompt_side = tracker.model.shape().low_res_side();
    DetailShape {
        inp_size: model.inp_size,
        embed_dim: model.embed_dim,
        d_model: model.d_model,
        prompt_side: (tracker.guidance == Guidance::Prompt).then_some(prompt_side),
    }
}

fn whole(model: &Config, source: &Source) -> GraphPlan {
    let signature = signature::image(model.inp_size);
    let of = (model.clone(), signature.clone());
    plan(signature, source, model, move |graph| image_graph(graph, &of.0, &of.1))
}

fn halves(model: &Config, tracker: &TrackerRecipe, source: &Source) -> Vec<GraphPlan> {
    let shape = detail_shape(model, tracker);
    let sharing = (tracker.encoder == TrackerEncoder::Shared).then(|| tracker.model.clone());
    let of_sharing = sharing.as_ref().map(Sam2Config::shape);
    let first = signature::detail::encoder(&shape, of_sharing.as_ref());
    let second = signature::detail::decoder(&shape);
    let of_first = (model.clone(), sharing.clone(), first.clone());
    let of_second = (model.clone(), second.clone());
    vec![
        plan(first, source, &(model, sharing), move |graph| {
            detail_encoder_graph(graph, (&of_first.0, of_first.1.as_ref()), &of_first.2)
        }),
        plan(second, source, model, move |graph| {
            detail_decoder_graph(graph, &of_second.0, &of_second.1)
        }),
    ]
}

fn plan(
    signature: Signature,
    (weights, precision): &Source,
    sizes: &impl std::fmt::Debug,
    make: impl for<'c> Fn(Graph<'c>) -> Result<OnnxModel, GraphError> + 'static,
) -> GraphPlan {
    let (weights, sizes, make) = (weights.clone(), format!("{sizes:?}"), Box::new(make));
    GraphPlan { signature, weights, precision: *precision, sizes, make }
}
