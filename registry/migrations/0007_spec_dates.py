from django.db import migrations, models
from django.db.models import F, Q


def keep_what_upstreams_said(apps, schema_editor):
    """Until now every date was an upstream's."""
    told = Q(deprecated_at__isnull=False) | Q(sunset_at__isnull=False)
    apps.get_model("registry", "Model").objects.filter(told).update(
        upstream_deprecated_at=F("deprecated_at"), upstream_sunset_at=F("sunset_at")
    )


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0006_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='model',
            name='upstream_deprecated_at',
            field=models.DateTimeField(help_text='as its upstream said in a header', null=True),
        ),
        migrations.AddField(
            model_name='model',
            name='upstream_sunset_at',
            field=models.DateTimeField(help_text='as its upstream said in a header', null=True),
        ),
        migrations.AlterField(
            model_name='model',
            name='deprecated_at',
            field=models.DateTimeField(help_text='as its spec says, else its upstream (RFC 9745)', null=True),
        ),
        migrations.AlterField(
            model_name='model',
            name='sunset_at',
            field=models.DateTimeField(help_text='its end, as its spec says, else its upstream (RFC 8594)', null=True),
        ),
        migrations.RunPython(keep_what_upstreams_said, migrations.RunPython.noop),
    ]
