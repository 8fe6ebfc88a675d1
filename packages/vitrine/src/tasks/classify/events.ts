import type { Evaluation, LabelEvaluation, TrainEvent as TrainerEvent } from "@vitrine/trainer"

/** What an evaluation of a classifier gives: `Evaluation` of images with one label, `LabelEvaluation` of several. */
export type ClassifierEvaluation = Evaluation | LabelEvaluation

/** The events of a training; by default those of a classifier. */
export type TrainEvent<E extends object = ClassifierEvaluation> = TrainerEvent<E>
