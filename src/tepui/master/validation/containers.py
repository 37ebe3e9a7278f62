"""Commands with their environments, and containers with their volumes."""

from __future__ import annotations

from tepui.master.validation.problem import Problem, problem, within
from tepui.messages import CommandInfo, ContainerInfo, Environment, Secret, Volume

Variable = Environment.Variable
Source = Volume.Source

# The field that each type of volume source needs.
_SOURCES: dict[Volume.Source.Type, str] = {
    Source.Type.DOCKER_VOLUME: "docker_volume",
    Source.Type.HOST_PATH: "host_path",
    Source.Type.SANDBOX_PATH: "sandbox_path",
    Source.Type.SECRET: "secret",
    Source.Type.CSI_VOLUME: "csi_volume",
}


def validate_command(command: CommandInfo) -> Problem | None:
    """Check a command; what it runs is found out where it runs."""
    if command.environment is None:
        return None
    return validate_environment(command.environment)


def validate_environment(environment: Environment) -> Problem | None:
    """Check by the rules ``container.env.*``."""
    for variable in environment.variables:
        found = (
            check_variable_value(variable)
            or check_variable_secret(variable)
            or check_variable_unknown(variable)
        )
        if found is not None:
            return found
    return None


def check_variable_value(variable: Variable) -> Problem | None:
    """``container.env.value``."""
    if variable.type is not Variable.Type.VALUE:
        return None
    field = _field_of(variable)
    if variable.secret is not None:
        return problem("container.env.value", field, None, "is of type VALUE and has a secret")
    if variable.value is None:
        return problem("container.env.value", field, None, "is of type VALUE and has no value")
    return None


def check_variable_secret(variable: Variable) -> Problem | None:
    """``container.env.secret``, and the rules of the secret itself."""
    if variable.type is not Variable.Type.SECRET:
        return None
    field = _field_of(variable)
    if variable.value is not None:
        return problem("container.env.secret", field, None, "is of type SECRET and has a value")
    if variable.secret is None:
        return problem("container.env.secret", field, None, "is of type SECRET and has no secret")
    return (
        check_secret_reference(variable.secret, field)
        or check_secret_value(variable.secret, field)
        or check_secret_nul(variable.secret, field)
    )


def check_variable_unknown(variable: Variable) -> Problem | None:
    """``container.env.unknown``."""
    if variable.type is not Variable.Type.UNKNOWN:
        return None
    return problem("container.env.unknown", _field_of(variable), None, "is of type UNKNOWN")


def check_secret_reference(secret: Secret, field: str) -> Problem | None:
    """``container.env.secret_ref``."""
    if secret.type is not Secret.Type.REFERENCE:
        return None
    if secret.reference is not None and secret.value is None:
        return None
    reason = "holds a secret of type REFERENCE without a reference, or with a value"
    return problem("container.env.secret_ref", field, None, reason)


def check_secret_value(secret: Secret, field: str) -> Problem | None:
    """``container.env.secret_value``."""
    if secret.type is not Secret.Type.VALUE:
        return None
    if secret.value is not None and secret.reference is None:
        return None
    reason = "holds a secret of type VALUE without a value, or with a reference"
    return problem("container.env.secret_value", field, None, reason)


def check_secret_nul(secret: Secret, field: str) -> Problem | None:
    """``container.env.secret_nul``."""
    if secret.value is None or b"\0" not in secret.value.data:
        return None
    reason = "holds a secret with a NUL byte, which no environment can carry"
    return problem("container.env.secret_nul", field, None, reason)


def validate_container(container: ContainerInfo) -> Problem | None:
    """Check by the rules ``container.volume.*`` and ``container.docker.*``."""
    for index, volume in enumerate(container.volumes):
        inner = check_volume_one(volume) or check_volume_source(volume)
        if inner is not None:
            return within(inner.rule, f"volumes[{index}]", inner)
    return check_docker_missing(container) or check_docker_name(container)


def check_volume_one(volume: Volume) -> Problem | None:
    """``container.volume.one``."""
    given = [volume.host_path, volume.image, volume.source]
    if sum(each is not None for each in given) == 1:
        return None
    reason = "needs exactly one of host_path, image and source"
    return problem("container.volume.one", "container_path", volume.container_path, reason)


def check_volume_source(volume: Volume) -> Problem | None:
    """``container.volume.source``."""
    source = volume.source
    if source is None:
        return None
    name = None if source.type is None else _SOURCES.get(source.type)
    if name is None:
        return problem("container.volume.source", "source.type", None, "is none that we know")
    if getattr(source, name) is None:
        return problem("container.volume.source", f"source.{name}", None, "is missing")
    if source.csi_volume is not None and source.csi_volume.static_provisioning is None:
        field = "source.csi_volume.static_provisioning"
        return problem("container.volume.source", field, None, "is missing")
    return None


def check_docker_missing(container: ContainerInfo) -> Problem | None:
    """``container.docker.missing``."""
    if container.type is not ContainerInfo.Type.DOCKER or container.docker is not None:
        return None
    return problem("container.docker.missing", "docker", None, "is missing from type DOCKER")


def check_docker_name(container: ContainerInfo) -> Problem | None:
    """``container.docker.name``."""
    if container.docker is None:
        return None
    for parameter in container.docker.parameters:
        if parameter.key == "name":
            reason = "would name the container, whose name we give"
            return problem("container.docker.name", "docker.parameters", parameter.value, reason)
    return None


def _field_of(variable: Variable) -> str:
    return f"environment.variables[{variable.name!r}]"
