"""Tables of energy and cost that the ORM reads. Windows and rates, which are packed, are in routing.energy.windows."""

from django.db import models


class EnergyTariff(models.Model):
    """What devices and their energy cost from `valid_from` on, until the next one. Nobody changes one afterwards.

    `prices` are per hour by the device's model; `grid_g_per_kwh` counts in hours for which GridIntensity has no row.
    """

    valid_from = models.DateTimeField(unique=True)
    currency = models.CharField(max_length=3, blank=True)
    prices = models.JSONField(default=dict)
    pue = models.FloatField(default=1.0)
    grid_g_per_kwh = models.FloatField(null=True)
    author = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)


class GridIntensity(models.Model):
    """How many grams of CO2 a kWh from the grid caused in one hour."""

    hour = models.DateTimeField(primary_key=True)
    g_per_kwh = models.FloatField()


class EnergyMark(models.Model):
    """The one row that says how far windows are settled, and when placements were last looked at."""

    until = models.DateTimeField()
    looked_at = models.DateTimeField()


class MeasuredReplica(models.Model):
    """A model at one origin that sat on a device once: its number in windows and rates."""

    model = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=500, help_text="scheme://host:port, as records of calls have it")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "endpoint"], name="measured_replica_once")]


class MeasuredPlacement(models.Model):
    """On which whole device a replica sat, from when to when. `weight` is below 1 if it sat on a slice."""

    replica = models.ForeignKey(MeasuredReplica, on_delete=models.CASCADE, related_name="+")
    device_id = models.BigIntegerField()
    weight = models.FloatField()
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, db_index=True)


class WaitingCall(models.Model):
    """A call whose record has come and whose energy is not shared out yet."""

    id = models.UUIDField(primary_key=True)
    model = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=500)
    api_key_id = models.BigIntegerField()
    began = models.DateTimeField()
    ended = models.DateTimeField(db_index=True)
    prompt_tokens = models.IntegerField()
    completion_tokens = models.IntegerField()


class ModelEnergyDay(models.Model):
    """What calls of one model with one key used on one day (UTC), on devices that are paid in one currency.

    Key 0 stands for calls without a key. `unmeasured_s` of their `call_s` fell into time without a measurement.
    `priced_joules` are those whose cost is in `money`, `carbon_joules` those in `grams`.
    """

    day = models.DateField()
    model = models.CharField(max_length=200)
    api_key_id = models.BigIntegerField()
    currency = models.CharField(max_length=3, blank=True)
    calls = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    call_s = models.FloatField(default=0)
    unmeasured_s = models.FloatField(default=0)
    joules = models.FloatField(default=0)
    emulated_joules = models.FloatField(default=0)
    priced_joules = models.FloatField(default=0)
    money = models.FloatField(default=0)
    carbon_joules = models.FloatField(default=0)
    grams = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "model", "api_key_id", "currency"], name="model_energy_day")
        ]


class DeviceEnergyDay(models.Model):
    """What one whole device used on one day (UTC): all of it, and the busy part that went to calls.

    `known_s` of the day were measured, `counted_s` of these by the energy counter; `unknown_s` were not measured.
    """

    day = models.DateField()
    uuid = models.CharField(max_length=100)
    currency = models.CharField(max_length=3, blank=True)
    device_model = models.CharField(max_length=200)
    node = models.CharField(max_length=200)
    emulated = models.BooleanField(default=False)
    known_s = models.FloatField(default=0)
    counted_s = models.FloatField(default=0)
    unknown_s = models.FloatField(default=0)
    joules = models.FloatField(default=0)
    busy_joules = models.FloatField(default=0)
    priced_joules = models.FloatField(default=0)
    money = models.FloatField(default=0)
    busy_money = models.FloatField(default=0)
    carbon_joules = models.FloatField(default=0)
    grams = models.FloatField(default=0)
    busy_grams = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "uuid", "currency"], name="device_energy_day")]
