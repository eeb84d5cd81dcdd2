"""`learn`: which lines on stderr are noise, by what past runs have shown, as rules to paste into the job file."""

import click

from process_control.cli.print.output import print_json, print_line, talk
from process_control.cli.session import Session, verb
from process_control.config.job_directory import load_job
from process_control.core.noise import as_rules, learn
from process_control.history.log_reader import current_path
from process_control.state.past_runs import open_index
from process_control.views.stderr_of_runs import past_runs, stderr_lines

DEFAULT_RUNS = 50


@verb(
    "learn",
    epilog=(
        "A run counts as good when its command exited with 0. What good runs wrote to stderr is proposed as rules with "
        "the verdict `ignore`, numbers and words with digits made into patterns: read them before you paste them. "
        "Exit code 0: there are proposals; 1: there are none."
    ),
)
@click.argument("job")
@click.option(
    "--runs", "count", type=click.IntRange(min=1), default=DEFAULT_RUNS, show_default=True, help="How many past runs."
)
@click.option("--json", "as_json", is_flag=True, help="The patterns, an example of each, and how often they came.")
def learn_noise(session: Session, job: str, count: int, as_json: bool) -> int:
    """Propose `verdicts` for what JOB writes to stderr although all is well."""
    settings = session.settings("learn")
    definition = load_job(job, settings)
    with open_index(settings.state_directory) as index:
        good, failed = past_runs(index, job, count)
    for run in (*good, *failed):
        run.log = run.log and current_path(run.log, settings.output_directory)
    state = settings.state_directory
    noises = learn(
        [stderr_lines(run, definition, state) for run in good], [stderr_lines(run, definition, state) for run in failed]
    )
    if as_json:
        proposals = [
            {
                "stderr": noise.pattern,
                "example": noise.example,
                "good_runs": noise.good_runs,
                "failed_runs": noise.failed_runs,
            }
            for noise in noises
        ]
        print_json({"job": job, "good_runs": len(good), "failed_runs": len(failed), "proposals": proposals})
    elif noises:
        print_line(as_rules(noises))
    runs = "1 good run" if len(good) == 1 else f"{len(good)} good runs"
    if not noises:
        talk(f"{job}: nothing to propose: {runs} of the last {count} wrote nothing to stderr that is still in a log")
        return 1
    talk(f"from {runs} of {job}; read them, then paste them into {definition.path}")
    return 0
