import type { Evaluation, LabelEvaluation, TrainEvent as TrainerEvent } from "@vitrine/trainer"

/** The evaluation of a classifier: `Evaluation` for images with one label, `LabelEvaluation` for several labels. */
export type ClassifierEvaluation = Evaluation | LabelEvaluation

/** The events of a training. By default they are those of a classifier. */
export type TrainEvent<E extends object = ClassifierEvaluation> = TrainerEvent<E>
