"""Stages of model versions, which MLflow keeps for older programs."""

from __future__ import annotations

from tests.interop.tour.recorder import Tour


def stages(tour: Tour) -> None:
    client = tour.client
    client.create_registered_model("staged")
    for number in (1, 2, 3, 4):
        client.create_model_version("staged", f"s3://bucket/{number}", await_creation_for=0)
    client.get_latest_versions("staged")
    client.transition_model_version_stage("staged", 1, "Production")
    client.transition_model_version_stage("staged", "2", "staging")
    client.transition_model_version_stage("staged", 3, "PRODUCTION")
    client.get_latest_versions("staged")
    client.get_latest_versions("staged", ["Production"])
    client.get_latest_versions("staged", ["production", "STAGING"])
    client.get_latest_versions("staged", [])
    client.get_latest_versions("staged", ["bad"])
    client.get_latest_versions("missing")
    client.get_registered_model("staged")
    client.transition_model_version_stage("staged", 4, "Production", archive_existing_versions=True)
    client.search_model_versions("name = 'staged'", order_by=["version_number"])
    client.transition_model_version_stage("staged", 4, "Production", archive_existing_versions=True)
    client.transition_model_version_stage("staged", 4, "None")
    client.transition_model_version_stage("staged", 4, "Archived")
    client.transition_model_version_stage("staged", 4, "None", archive_existing_versions=True)
    for name, version, stage in (
        ("staged", 1, "bad"),
        ("staged", 1, ""),
        ("staged", 1, "Deleted_Internal"),
        ("staged", 9, "Staging"),
        ("staged", "abc", "Staging"),
        ("missing", 1, "Staging"),
    ):
        client.transition_model_version_stage(name, version, stage)
    client.set_model_version_tag("staged", key="by stage", value="1", stage="Staging")
    client.set_model_version_tag("staged", key="by stage", value="1", stage="Production")
    client.set_model_version_tag("staged", key="neither", value="1")
    client.set_model_version_tag("staged", "1", "both", "1", "Staging")
    client.get_model_version("staged", 2)
    client.delete_model_version_tag("staged", key="by stage", stage="Staging")
    client.get_model_version("staged", 2)
    client.delete_model_version("staged", 2)
    client.get_latest_versions("staged")
